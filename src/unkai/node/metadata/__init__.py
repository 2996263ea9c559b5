"""What a guest may read about itself: OpenStack and EC2 layouts, by metadata service and config drive."""
