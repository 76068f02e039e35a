/**
 * Returns a function that checks whether a name matches a search text. The text must occur in the name or, if it contains `*` (any characters) or `?`
 * (one character), match the whole name. Ignores case. Unlike in the patterns of the configuration, `*` and `?` also match a slash.
 */
export function createSearch(text: string): (name: string) => boolean {
  const wanted = text.toLowerCase();
  if (!/[*?]/.test(wanted)) return (name) => name.toLowerCase().includes(wanted);
  return (name) => matches(name.toLowerCase(), wanted);
}

/**
 * Matches with a single step of backtracking: every `*` takes as few characters as possible, and only the last `*` so far may take more. An earlier
 * `*` need not be tried again, because the last one could take the additional characters instead. So the time is at most the length of the name
 * times that of the pattern.
 */
function matches(name: string, pattern: string): boolean {
  let at = 0;
  let step = 0;
  let star = -1;
  let starEnd = 0;
  while (at < name.length) {
    const wanted = pattern[step];
    if (wanted === '*') {
      star = step++;
      starEnd = at;
    } else if (wanted === '?' || wanted === name[at]) {
      at++;
      step++;
    } else if (star >= 0) {
      at = ++starEnd;
      step = star + 1;
    } else return false;
  }
  while (pattern[step] === '*') step++;
  return step === pattern.length;
}
