#!/usr/bin/env bash
# mediapipe asks for NumPy 1 in its metadata and runs with NumPy 2: see README.md.
set -euo pipefail
pip install --no-deps mediapipe==0.10.21
