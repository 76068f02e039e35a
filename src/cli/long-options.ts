/**
 * Spells out abbreviated long options (`--print` for `--print-default-config`), as Python's argparse does. What is no
 * beginning of any option stays for the parser to refuse.
 *
 * @param valued the flags that take the next argument, which may not look like an option itself
 */
export function lengthened(
  argv: readonly string[],
  options: readonly string[],
  valued: readonly string[],
): { readonly argv: readonly string[] } | { readonly wrong: string } {
  const full: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at] ?? '';
    if (argument === '--') return { argv: [...full, ...argv.slice(at)] };
    const [name = '', value] = split(argument);
    const candidates = name.length > 2 ? options.filter((option) => option.startsWith(name)) : [];
    if (candidates.length > 1 && !candidates.includes(name)) {
      return { wrong: `ambiguous option: ${name} could be ${candidates.join(', ')}` };
    }
    const option = candidates.includes(name) ? name : (candidates[0] ?? name);
    full.push(value === undefined ? option : `${option}=${value}`);
    if (value !== undefined || !valued.includes(option)) continue;
    const next = argv[++at];
    if (next === undefined || /^-./.test(next)) return { wrong: `argument ${valued.join('/')}: expected one argument` };
    full.push(next);
  }
  return { argv: full };
}

/** A long option apart from its `=value`. */
function split(argument: string): readonly [string, string?] {
  const equals = argument.startsWith('--') ? argument.indexOf('=') : -1;
  return equals === -1 ? [argument] : [argument.slice(0, equals), argument.slice(equals + 1)];
}
