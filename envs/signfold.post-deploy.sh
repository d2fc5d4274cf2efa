#!/usr/bin/env bash
# mediapipe asks for NumPy 1 in its metadata and runs with NumPy 2, pose-format for a video library: see README.md.
set -euo pipefail
pip install --no-deps mediapipe==0.10.21 pose-format==0.15.0
