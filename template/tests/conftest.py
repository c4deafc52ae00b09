{%% include 'backends/' ~ starting_point ~ '/tests/conftest.py' %%}
