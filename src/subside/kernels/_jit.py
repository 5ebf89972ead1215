"""The one way to compile a kernel.

Kernels are serial and release the GIL: the parallel axis of the package is blocks on dask workers, and
``parallel=True`` inside worker threads aborts the process on some numba threading layers. Compiled code is
cached under a digest of the whole ``kernels`` folder, because numba's own staleness test looks at one file
only and misses a change in a kernel imported from another (numba issue 1833). Products of complex numbers are
written out in real ones where last bits matter: numba compiles one complex product for all kernels of a process, with
the floating-point flags of the first that needs it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast, overload

import numba
from numba.core import config as _numba_config

F = TypeVar("F", bound=Callable[..., Any])


def _cache_folder() -> str:
    digest = hashlib.sha256()
    digest.update(numba.__version__.encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    root = os.environ.get("SUBSIDE_CACHE") or os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return str(Path(root) / "subside" / "numba" / digest.hexdigest()[:16])


_CACHE_FOLDER = _cache_folder()


@overload
def kernel(function: F) -> F: ...


@overload
def kernel(
    function: None = None, *, fastmath: bool = False, inline: str = "never", is_inner: bool = False
) -> Callable[[F], F]: ...


def kernel(
    function: F | None = None, *, fastmath: bool = False, inline: str = "never", is_inner: bool = False
) -> F | Callable[[F], F]:
    """Compile a kernel (serial, ``nogil``, cached); usable bare or with options.

    Parameters
    ----------
    function : callable
        Python function of scalars and numpy arrays.
    fastmath : bool
        Allow reassociation. Never with a kernel that must see NaN.
    inline : {"never", "always"}
        Passed to numba.
    is_inner : bool
        Called by kernels only: compiled into each of them and not cached by itself. A cached function is machine code
        that cannot be inlined any more, so that sums of its callers would depend on what was compiled before.

    Returns
    -------
    callable
        The compiled function, typed as the original.
    """

    def compile_(python_function: F) -> F:
        before = _numba_config.CACHE_DIR
        _numba_config.CACHE_DIR = _CACHE_FOLDER
        try:
            compiled = numba.njit(nogil=True, cache=not is_inner, fastmath=fastmath, inline=inline)(python_function)
        finally:
            _numba_config.CACHE_DIR = before
        return cast(F, compiled)

    return compile_ if function is None else compile_(function)
