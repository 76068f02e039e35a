/**
 * Whether a name fits what is searched for: a part of it, or, where `*` (any characters) or `?` (one) is in it, the whole. Upper and lower case
 * are the same. A slash is a character like others, unlike in the patterns of a configuration: whoever searches thinks of no directories.
 */
export function createSearch(text: string): (name: string) => boolean {
  const wanted = text.toLowerCase();
  if (!/[*?]/.test(wanted)) return (name) => name.toLowerCase().includes(wanted);
  return (name) => fits(name.toLowerCase(), wanted);
}

/**
 * Every `*` takes as little as it can, and more only while it is the last one that was met: what those before it have taken need not be taken
 * back, since whatever fits further on fits the last one as well. So it takes the length of the name times that of the pattern at most.
 */
function fits(name: string, pattern: string): boolean {
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
