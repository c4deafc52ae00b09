{%% include 'backends/' ~ starting_point ~ '/tests/test_repository.py' %%}
