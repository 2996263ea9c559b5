"""What all tests share: what this machine can run, and servers that tests need for a while."""
