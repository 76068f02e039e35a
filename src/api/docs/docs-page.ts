import { PRODUCT } from '../hal/entry-point.ts';
import { PATHS } from '../route-table.ts';

/* The documentation page: Swagger UI for `/openapi.json`, with a few additions.
 *
 *   docs, docs/                 the page: all its URLs are relative, so it works below any prefix and behind a proxy that strips one
 *   docs/page.js, page.css      the additions
 *   docs/swagger-ui…            files of the library */

/** The files of the library that the server offers, with their media types. Its other layouts, its OAuth sign-in and its own page are left out. */
export const LIBRARY_FILES: ReadonlyMap<string, string> = new Map([
  ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
  ['swagger-ui.css', 'text/css; charset=utf-8'],
]);

/** Returns the page. It has no inline scripts and styles, since its content security policy forbids them. */
function pageAt({ toAssets, toRoot }: { readonly toAssets: string; readonly toRoot: string }): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>The API of ${PRODUCT}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${toAssets}swagger-ui.css">
<link rel="stylesheet" href="${toAssets}page.css">
<script src="${toAssets}swagger-ui-bundle.js" defer></script>
<script src="${toAssets}page.js" defer></script>
</head>
<body>
<noscript>
<h1>The API of ${PRODUCT}</h1>
<p>This page needs JavaScript. The <a href="${toRoot}openapi.json">OpenAPI document</a> describes the API for programs;
<a href="${toRoot}">the entry point</a> links to all resources.</p>
</noscript>
<main id="api"></main>
</body>
</html>
`;
}

/**
 * Tokens live in the page's memory only. The page ignores its own URL (`queryConfigEnabled`), because a link from an attacker could otherwise show the
 * attacker's document under this server's name. Syntax highlighting is off: with it, a response of 600 kB blocks the page for nine seconds.
 *
 * The library focuses the input of the last authentication scheme, which is out of sight in a small window. The script focuses the first one, the
 * token, which most users need.
 */
const SCRIPT = `'use strict';

const dark = matchMedia('(prefers-color-scheme: dark)');
const followScheme = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
followScheme();
dark.addEventListener('change', followScheme);

const focusFirst = () => document.querySelector('.modal-ux input')?.focus();
document.addEventListener('click', ({ target }) => {
  if (target.closest('.auth-wrapper > .authorize')) requestAnimationFrame(focusFirst);
});

SwaggerUIBundle({
  url: new URL('../openapi.json', document.currentScript.src).href,
  dom_id: '#api',
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: false,
  queryConfigEnabled: false,
  syntaxHighlight: false,
  validatorUrl: null,
});
`;

/** Colours with enough contrast on white. Choices with a single option are hidden. */
const STYLE = `body {
  margin: 0;
}

noscript {
  display: block;
  max-width: 40em;
  margin: 2em auto;
  padding: 0 1em;
  font-family: sans-serif;
}

html:not(.dark-mode) .swagger-ui {
  .info .link,
  .markdown a {
    color: #1d5fb0;
  }
  .opblock-get .opblock-summary-method,
  .btn.execute {
    background: #1d5fb0;
    border-color: #1d5fb0;
  }
  .opblock-post .opblock-summary-method,
  .info .title small.version-stamp {
    background: #12734a;
  }
  .btn.authorize,
  .btn.authorize svg {
    color: #12734a;
    border-color: #12734a;
  }
  .btn.cancel {
    color: #b3261e;
    border-color: #b3261e;
  }
}

.swagger-ui .servers-title:not(:has(+ .servers option + option)),
.swagger-ui .servers:not(:has(option + option)),
.swagger-ui .responses-table:not(:has(td.response-col_links > :not(i))) .response-col_links {
  display: none;
}

/* Room for the buttons that lie over the text. !important is needed against a style attribute of the library. */
.swagger-ui .highlight-code:has(.download-contents) .microlight {
  padding-bottom: 4em !important;
}
`;

/** The page and its additions, by path. */
export const OWN_FILES: ReadonlyMap<string, { readonly type: string; readonly text: string }> = new Map([
  [PATHS.docs, { type: 'text/html; charset=utf-8', text: pageAt({ toAssets: 'docs/', toRoot: './' }) }],
  [`${PATHS.docs}/`, { type: 'text/html; charset=utf-8', text: pageAt({ toAssets: '', toRoot: '../' }) }],
  [`${PATHS.docs}/page.js`, { type: 'text/javascript; charset=utf-8', text: SCRIPT }],
  [`${PATHS.docs}/page.css`, { type: 'text/css; charset=utf-8', text: STYLE }],
]);

/** All paths of the page. The server looks up no other file. */
export const DOCS_PATHS: ReadonlySet<string> = new Set([
  ...OWN_FILES.keys(),
  ...[...LIBRARY_FILES.keys()].map((name) => `${PATHS.docs}/${name}`),
]);
