"""How a family or an objective is chosen, by its name or by an instance; what a number is."""

import difflib
import math
import numbers

LARGEST_SEED = 2**31 - 1  # keys of random numbers are pairs of int32


def whole(name, value, least=1, most=None):
    """The value of an argument as an int, NumPy's integers among them.

    Raises:
        ValueError: a fraction, a bool, no number, or one below `least` or above `most`.
    """
    right = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not right or value < least or (most is not None and value > most):
        among = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be an integer {among}; received {value!r}.")
    return int(value)


def real(name, value, least=None, above=None):
    """The value of an argument as a float, NumPy's numbers among them.

    Raises:
        ValueError: no number, a bool, not finite, below `least` or not above `above`.
    """
    right = isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
    if not right or (least is not None and value < least) or (above is not None and value <= above):
        among = "" if least is None else f" of at least {least}"
        among = among if above is None else f" above {above}"
        raise ValueError(f"{name} must be a finite number{among}; received {value!r}.")
    return float(value)


def odd(name, value, least=3):
    """An odd size as an int, see `whole`."""
    if whole(name, value) < least or value % 2 == 0:
        raise ValueError(f"{name} must be odd and at least {least}; received {value!r}.")
    return int(value)


def widths(name, value):
    """The sizes of some layers, a tuple of ints.

    Raises:
        ValueError: no sequence of integers of at least 1.
    """
    if isinstance(value, (str, dict)) or not hasattr(value, "__len__"):
        raise ValueError(
            f"{name} must be a sequence of integers, a layer each, like (64, 32); received "
            f"{value!r}."
        )
    return tuple(whole(f"each of {name}", width) for width in value)


def plain(value):
    """A value without NumPy in it: numbers of Python, lists for arrays; in containers too."""
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(plain(item) for item in value)
    return value


def whole_seed(seed):
    """A seed as an int, or None for None; see `whole`."""
    return None if seed is None else whole("seed", seed, -LARGEST_SEED, LARGEST_SEED)


def image_shape(value):
    """(H, W, C) as ints.

    Raises:
        ValueError: not three positive integers.
    """
    shape = tuple(value) if isinstance(value, (tuple, list)) or hasattr(value, "__array__") else ()
    try:
        height, width, channels = (whole("a size", size) for size in shape)
    except ValueError as error:
        raise ValueError(
            f"image_shape must be (H, W, C) of positive integers; received {value!r}."
        ) from error
    return height, width, channels


def unknown(kind, value, choices, remedy=""):
    """A ValueError that names the value, the nearest choice and all of them."""
    close = difflib.get_close_matches(str(value), [str(choice) for choice in choices], n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return ValueError(f"Unknown {kind} {value!r}.{hint} Choose one of {list(choices)}{remedy}.")


def choose(kind, value, families, base):
    """Turns a name or an instance into an instance.

    Args:
        kind: what is chosen, for the error ("likelihood", "prior", ...).
        value: a key of `families`, or an instance of `base`.
        families: dict of name to a callable that makes the family with its defaults.
        base: the class that every family of this kind extends.

    Raises:
        ValueError: an unknown name, or something else altogether.
    """
    if isinstance(value, base):
        return value
    if isinstance(value, str) and value in families:
        return families[value]()
    remedy = f", or pass an instance of {base.__module__}.{base.__name__}"
    raise unknown(kind, value, families, remedy)


def build(family, latent_dim):
    """Makes the weights of a prior or a posterior for codes of `latent_dim`, unless they are there.

    Raises:
        ValueError: it is that of codes of another size.
    """
    if family.latent_dim is None:
        family.build_for(latent_dim)
    elif family.latent_dim != latent_dim:
        kind = type(family).__name__
        raise ValueError(
            f"This {kind} is that of codes of {family.latent_dim} numbers already; a code here has "
            f"{latent_dim}. Make a new {kind}()."
        )


def copied(family):
    """An equal copy of a family or an objective, weights included, that shares none of them.

    Args:
        family: an instance of Likelihood, Posterior, Prior or Objective.
    """
    copy = type(family).from_config(family.get_config())
    if getattr(family, "latent_dim", None) is not None:  # a prior or a posterior
        copy.build_like(family)
    if getattr(family, "weights", None):
        copy.set_weights(family.get_weights())
    return copy
