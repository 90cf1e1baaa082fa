"""A cluster on this machine from the files of deploy/cluster, and people who use it while parts of it are killed."""
