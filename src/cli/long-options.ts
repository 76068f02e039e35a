/**
 * Completes abbreviated long options (`--print` to `--print-default-config`), as Python's argparse does. Arguments that abbreviate no option stay as
 * they are, for the parser to reject.
 *
 * @param withValue the flags that take the next argument as their value; a value must not start with a dash
 */
export function completeLongOptions(
  argv: readonly string[],
  options: readonly string[],
  withValue: readonly string[],
): { readonly argv: readonly string[] } | { readonly error: string } {
  const completed: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at] ?? '';
    if (argument === '--') return { argv: [...completed, ...argv.slice(at)] };
    const [name = '', value] = splitAtEquals(argument);
    const candidates = name.length > 2 ? options.filter((option) => option.startsWith(name)) : [];
    if (candidates.length > 1 && !candidates.includes(name)) {
      return { error: `ambiguous option: ${name} could be ${candidates.join(', ')}` };
    }
    const option = candidates.includes(name) ? name : (candidates[0] ?? name);
    completed.push(value === undefined ? option : `${option}=${value}`);
    if (value !== undefined || !withValue.includes(option)) continue;
    const next = argv[++at];
    if (next === undefined || /^-./.test(next))
      return { error: `argument ${withValue.join('/')}: expected one argument` };
    completed.push(next);
  }
  return { argv: completed };
}

/** Splits `--option=value`; other arguments stay whole. */
function splitAtEquals(argument: string): readonly [string, string?] {
  const equals = argument.startsWith('--') ? argument.indexOf('=') : -1;
  return equals === -1 ? [argument] : [argument.slice(0, equals), argument.slice(equals + 1)];
}
