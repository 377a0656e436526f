"""What a service tells about itself: logs without secrets, metrics, and traces where somebody collects them."""
