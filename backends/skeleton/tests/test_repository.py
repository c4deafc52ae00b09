"""The cases of the embedded store itself. Replace them by those of yours. This file is yours."""
