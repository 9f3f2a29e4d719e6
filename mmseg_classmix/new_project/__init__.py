"""What tools/new_project.py makes of a folder of images."""
