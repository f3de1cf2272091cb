"""What the benchmark of the predictor's start counts as installed."""

from __future__ import annotations

from benchmarks import predictor_start


def test_installed_packages_are_the_runtime_and_what_it_requires() -> None:
    packages = predictor_start.runtime_packages()
    assert {"openvino", "onnxruntime", "numpy", "opencv-python", "av", "protobuf"} <= set(packages)
    assert not {"torch", "lightning", "timm", "mmcv-lite", "matplotlib"} & set(packages)
    assert (
        100
        < predictor_start.installed_mb(["openvino"])
        < predictor_start.installed_mb(packages)
        < 2000
    )  # MB
