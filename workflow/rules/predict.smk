# New videos.
