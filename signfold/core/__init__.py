"""What every other package stands on: errors, files, versions, settings, the skeleton, and a clip of keypoints."""
