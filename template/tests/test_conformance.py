{%% include 'backends/' ~ starting_point ~ '/tests/test_conformance.py' %%}
