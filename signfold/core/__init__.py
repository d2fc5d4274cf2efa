"""What every other package stands on: errors, files, versions, settings, the skeleton, and a clip of keypoints.

Take names from the modules, for some are light and some are not: `errors.SignfoldError`, `settings.Settings`,
`results.ResultsFolder`, `clip.Keypoints`, `skeleton.JOINTS`, `files.read_parquet` and `files.atomic_write`.
"""
