"""The list of compiled kernels; everything else stands in pyproject.toml."""

import os
import runpy

from Cython.Build import cythonize
from setuptools import Extension, setup

FLAGS = runpy.run_path("awlta/kernels/flags.py")

# What a debugger wants takes a quarter of the time and changes no instruction; scripts/asan
# has it nevertheless.
AFTER = os.environ.get("AWLTA_COMPILE_ARGS", "-g0").split()

setup(
    ext_modules=cythonize(
        [
            Extension(
                "awlta.kernels." + files[0].removesuffix(".pyx").replace("/", "."),
                [f"awlta/kernels/{files[0]}"],
                depends=[f"awlta/kernels/{name}" for name in files[1:]],
                extra_compile_args=[*FLAGS["COMPILE_ARGS"], *AFTER],
            )
            for files in FLAGS["STAGES"].values()
        ],
        compiler_directives={"language_level": 3},
    ),
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
)
