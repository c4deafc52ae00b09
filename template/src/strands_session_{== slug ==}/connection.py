{%% include 'backends/' ~ starting_point ~ '/connection.py' %%}
