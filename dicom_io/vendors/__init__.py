"""What each vendor's scanners write where: private tags, spelling, and the order of phases."""
