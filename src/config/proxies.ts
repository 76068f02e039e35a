import type { Problem } from './problem.ts';
import type { Reading } from './readers/key.ts';

/** The proxies for requests to the registry and GitLab. Their URLs may contain credentials: never log them. */
export interface Proxies {
  /** For http targets. */
  readonly httpProxy: string | undefined;
  /** For https targets. */
  readonly httpsProxy: string | undefined;
  /** The hosts that are reached without a proxy, in the form of `NO_PROXY`. */
  readonly noProxy: string;
}

/** Reads the usual proxy variables. Lower-case names take precedence; an empty value means no proxy. */
export function readProxies(env: Readonly<Record<string, string | undefined>>): {
  readonly proxy: Proxies | undefined;
  readonly problems: readonly Problem[];
} {
  const problems: Problem[] = [];
  const proxyIn = (name: string): string | undefined => {
    const variable = env[name.toLowerCase()] === undefined ? name : name.toLowerCase();
    const text = env[variable]?.trim() ?? '';
    if (text === '') return undefined;
    const read = proxyUrl(text);
    if ('value' in read) return read.value;
    problems.push({ place: variable, message: `the value ${read.wrong}; expected ${RIGHT}` });
    return undefined;
  };
  const httpProxy = proxyIn('HTTP_PROXY');
  const httpsProxy = proxyIn('HTTPS_PROXY');
  const noProxy = env['no_proxy'] ?? env['NO_PROXY'] ?? '';
  const isAny = httpProxy !== undefined || httpsProxy !== undefined;
  return { proxy: isAny ? { httpProxy, httpsProxy, noProxy } : undefined, problems };
}

const RIGHT = 'the http or https URL of a proxy, such as http://proxy.example.com:3128';

/** Accepts a host and port without a scheme, as is common. Errors never quote the text, which may contain a password. */
function proxyUrl(text: string): Reading<string> {
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (/\s/.test(whole) || !URL.canParse(whole)) return { wrong: 'is not a URL' };
  const url = new URL(whole);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return { wrong: 'has another scheme' };
  if (url.port === '0') return { wrong: 'has port 0' };
  if (url.pathname !== '/' || /[?#]/.test(whole)) return { wrong: 'contains more than a host and a port' };
  if (!isDecodable(url.username) || !isDecodable(url.password))
    return { wrong: 'contains a % that is not followed by two hexadecimal digits' };
  return { value: url.href };
}

function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text) !== undefined;
  } catch {
    return false;
  }
}
