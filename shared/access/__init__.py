"""Who is calling, and may they: the permission matrix, access tokens and the watermarks that void them."""
