"""Who answers for which credential, and how near its end is."""
