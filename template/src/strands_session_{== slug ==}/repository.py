{%% include 'backends/' ~ starting_point ~ '/repository.py' %%}
