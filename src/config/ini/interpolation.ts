/** References may refer on, so deep (configparser.MAX_INTERPOLATION_DEPTH). */
const DEEPEST = 10;
/** Longer than any value of ours. Without it a file of ten lines could spell gigabytes. */
const LONGEST = 100_000;

/**
 * The value of `key` with `%(name)s` replaced by the value of that other key and `%%` by `%`
 * (configparser.BasicInterpolation). Any other `%` stays as it is: passwords hold them.
 *
 * @param values of the section, with what it inherits, by lower-case key
 */
export function interpolate(
  key: string,
  values: ReadonlyMap<string, string>,
): { readonly value: string } | { readonly wrong: string } {
  let length = 0;
  const expand = (text: string, depth: number): string => {
    if (depth > DEEPEST) throw new Unresolved('refers to itself, or too deep; write the value out');
    return text.replace(/%%|%\(([^)]+)\)s/g, (_match, name: string | undefined) => {
      if (name === undefined) return '%';
      const value = values.get(name.toLowerCase());
      if (value === undefined)
        throw new Unresolved('refers with %(…)s to a key that is not there; write %% for a plain %');
      length += value.length + 1;
      if (length > LONGEST)
        throw new Unresolved(`grows beyond ${LONGEST} characters by its %(…)s; write the value out`);
      return expand(value, depth + 1);
    });
  };
  try {
    return { value: expand(values.get(key) ?? '', 1) };
  } catch (error) {
    if (error instanceof Unresolved) return { wrong: error.message };
    throw error;
  }
}

/** Leaves the recursion at once. */
class Unresolved extends Error {
  override readonly name = 'Unresolved';
}
