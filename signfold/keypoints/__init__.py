"""Videos to keypoints: MediaPipe Holistic, one video at a time, through a cache; keypoints imported and exported."""
