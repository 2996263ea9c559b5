"""Files that guests run from: cached base images, disks, config drives."""
