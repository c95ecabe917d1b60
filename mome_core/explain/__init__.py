"""Why the network answered so: attribution per voxel and contribution per modality."""
