/** How deep references may be nested (configparser.MAX_INTERPOLATION_DEPTH). */
const DEEPEST = 10;
/** Longer than any real value. Without this limit a file of ten lines could expand to gigabytes. */
const LONGEST = 100_000;

/**
 * Returns the value of `key` with `%(name)s` replaced by the value of that other key and `%%` by `%`
 * (configparser.BasicInterpolation). Any other `%` stays, because passwords contain it.
 *
 * @param values own and inherited values of the section, by lower-case key
 */
export function interpolate(
  key: string,
  values: ReadonlyMap<string, string>,
): { readonly value: string } | { readonly wrong: string } {
  let length = 0;
  const expand = (text: string, depth: number): string => {
    if (depth > DEEPEST) throw new Unresolved('refers to itself, or is nested too deep; write out the value');
    return text.replace(/%%|%\(([^)]+)\)s/g, (_match, name: string | undefined) => {
      if (name === undefined) return '%';
      const value = values.get(name.toLowerCase());
      if (value === undefined)
        throw new Unresolved('refers with %(…)s to a key that does not exist; write %% for a literal %');
      length += value.length + 1;
      if (length > LONGEST)
        throw new Unresolved(`grows beyond ${LONGEST} characters through its %(…)s; write out the value`);
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

/** Ends the recursion. */
class Unresolved extends Error {
  override readonly name = 'Unresolved';
}
