// Arithmetic on codes: draws, ways between two codes, the plane of the map.

/** Float32Array of independent standard normal numbers (Box-Muller). */
export function normal(count, random = Math.random) {
  const numbers = new Float32Array(count);
  for (let i = 0; i < count; i += 1) {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    numbers[i] = radius * Math.cos(2 * Math.PI * random());
  }
  return numbers;
}

/**
 * The code at `position` in [0, 1] of the way from `start` to `end`.
 *
 * For a standard normal prior the way is spherical: a straight line would lead through codes that
 * are shorter than those the decoder knows.
 */
export function between(start, end, position, spherical) {
  let [a, b] = [1 - position, position];
  const angle = spherical ? Math.acos(Math.min(1, Math.max(-1, cosine(start, end)))) : 0;
  if (Math.sin(angle) > 1e-3) {
    a = Math.sin((1 - position) * angle) / Math.sin(angle);
    b = Math.sin(position * angle) / Math.sin(angle);
  }
  return Float32Array.from(start, (value, i) => a * value + b * end[i]);
}

function cosine(a, b) {
  return dot(a, b) / (Math.sqrt(dot(a, a) * dot(b, b)) || 1);
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += a[i] * b[i];
  return sum;
}

/** A plane through `origin` along orthonormal `axes`: where a code lies in it, how to move it. */
export class Plane {
  constructor({ origin, axes }) {
    this.origin = origin;
    this.axes = axes;
  }

  /** [u, v] of a code. */
  position(z) {
    const centred = z.map((value, i) => value - this.origin[i]);
    return this.axes.map((axis) => dot(centred, axis));
  }

  /** The code moved to [u, v]; what it is across the plane stays. */
  moved(z, [u, v]) {
    const [fromU, fromV] = this.position(z);
    const [first, second] = this.axes;
    return z.map((value, i) => value + (u - fromU) * first[i] + (v - fromV) * second[i]);
  }
}

/** A random element. */
export function choice(list) {
  return list[Math.floor(Math.random() * list.length)];
}
