import { median } from '../median.ts';

const CONFIDENCE = 0.95;

/** The median of ratios, and an interval that holds the true median with the given probability. */
export interface RatioInterval {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly coverage: number;
}

/**
 * Returns the narrowest interval between two order statistics, equally far from both ends, that holds the true median with a probability of at least
 * 95 %. Of n independent values, k or fewer lie below the median with the binomial probability P(X <= k), X ~ B(n, 1/2): nothing else is assumed about
 * their distribution. Fewer than six values have no such interval; then it is the whole range, with a smaller `coverage`.
 */
export function ratioInterval(ratios: readonly number[]): RatioInterval {
  const sorted = ratios.toSorted((a, b) => a - b);
  const [first = Number.NaN, last = Number.NaN] = [sorted[0], sorted.at(-1)];
  const found = { median: median(ratios), low: first, high: last, coverage: 1 - 2 * atMost(0, sorted.length) };
  for (let outside = 1; outside < sorted.length / 2; outside++) {
    const coverage = 1 - 2 * atMost(outside, sorted.length);
    if (coverage < CONFIDENCE) break;
    Object.assign(found, { low: sorted[outside], high: sorted.at(-1 - outside), coverage });
  }
  return found;
}

/** The probability that at most `k` of `n` fair coins show heads. */
function atMost(k: number, n: number): number {
  let [choices, sum] = [1, 0];
  for (let i = 0; i <= k; i++) {
    sum += choices;
    choices *= (n - i) / (i + 1);
  }
  return sum / 2 ** n;
}
