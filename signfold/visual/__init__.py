"""Pictures of a clip with its skeleton: contact sheets and films."""
