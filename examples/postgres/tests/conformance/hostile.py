"""What may come from those who mean harm: ids that are commands, and records that are not what they should be."""

from typing import Any

COMMANDS = """x'; DROP TABLE sessions; DELETE FROM messages WHERE '1' = '1
x"; DROP SCHEMA "strands_sessions" CASCADE; --
x' OR '1'='1' --
x' UNION SELECT session_id FROM sessions --
'||pg_sleep(60)||'
$$; DROP TABLE messages; $$
E'x', $1, $2, :id, ?1, %(session_id)s
]] redis.call('FLUSHALL') --[[
' .. redis.call("FLUSHALL") .. '
KEYS[1] ARGV[1] #ARGV
*1 $8 FLUSHALL
{0.__class__.__init__.__globals__} {} {session_id}
%s%s%s%n %x %(x)d %00 %2e%2e%2f %0d%0aFLUSHALL %
${jndi:ldap:x} $(reboot) `reboot` ; shutdown
$..messages[?(@.role)] $.* @ ->> #>>
{"$gt": ""} {"$where": "sleep(60000)"}
",[0,9007199254740991],"
*)(uid=*))(|(uid=*
* ?* [^a]* [a-z] (a|b)+ ^a$ _ %_%
<!ENTITY x SYSTEM "file:etc"> <script>alert(1)<
constructor.__proto__ __class__ None NaN
agent:agent:message:0 session:next:version:window:format""".splitlines()
"""Ids that would do harm as part of SQL, of a script, a protocol, a pattern, a path in JSON or a format."""

REFUSED = [
    "x\r\n*1\r\n$8\r\nFLUSHALL\r\n",
    "x\nFLUSHALL",
    "x\x00; DROP TABLE sessions",
    "E'\\'; DROP TABLE sessions; --",
    "../../etc/passwd",
    "..\\..\\sessions.db",
    "/etc/passwd",
    "\x1b[2Jx",
    "x\x85y",
    "\udc00",
]
"""What no id may be: it holds a control character, half a surrogate pair, or what separates folders."""

NOT_OBJECTS = ["[]", "7", '"text"', "null", "true", '[{"role":"user","content":[]}]', "", "{", "{}{}", "NaN"]
"""What may stand where the text of a record should."""

HUGE = 2**70
MANY = 2**53 - 1


def layout(*entries: Any, next_id: Any = 2, **values: Any) -> Any:
    """What the manager keeps in an agent record, with these entries."""
    return {"format": 1, "layout": list(entries), "next": next_id, **values}


LAYOUTS = {
    "no object": [],
    "a later format": {"format": 2, "layout": [[0, 1]], "next": 2},
    "a format that is no number": layout([0, 1]) | {"format": True},
    "no list": {"format": 1, "layout": {"0": 1}, "next": 2},
    "no entries": layout(7, None, "ab"),
    "half a run": layout([0]),
    "a run of three": layout([0, 0, 1]),
    "a run of text": layout(["0", "1"]),
    "a run of fractions": layout([0.0, 1.0]),
    "a run of runs": layout([[0, 1], [0, 1]]),
    "a negative run": layout([-1, 1]),
    "a run backwards": layout([1, 0]),
    "a run beyond all records": layout([0, HUGE]),
    "a run of one record beyond": layout([HUGE, HUGE], next_id=2 * HUGE),
    "the longest run": layout([0, MANY - 1], next_id=MANY),
    "a record twice": layout([0, 1], [0, 1]),
    "a record 20,000 times": layout(*([[0, 1]] * 20_000)),
    "a record that follows anyway": layout([0, 1], next_id=0),
    "a negative next": layout([0, 1], next_id=-1),
    "a next beyond all records": layout(next_id=HUGE),
    "a next that is no number": layout([0, 1], next_id="2"),
    "an empty message": layout({}),
    "a message without content": layout({"role": "user"}),
    "a message of text": layout({"role": "user", "content": "text"}),
    "a message of no blocks": layout({"role": "user", "content": ["text", 7]}),
    "a message of nobody": layout({"role": 7, "content": []}),
    "a prompt that is no text": layout([0, 1], system_prompt=7),
}
PARTS = {
    "state": [[1], "text", 7, None],
    "conversation_manager_state": [
        [1],
        "text",
        7,
        {"removed_message_count": "1"},
        {"removed_message_count": -1},
        {"removed_message_count": HUGE},
        {"removed_message_count": [0]},
        {"__name__": "NullConversationManager"},
    ],
    "_internal_state": [[1], "text", 7, None, {"model_state": 7}, {"interrupt_state": "x"}, {"interrupt_state": {}}],
}
