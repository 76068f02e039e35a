import { PRODUCT } from '../hal/entry-point.ts';

/* The page that shows the API to people: Swagger UI over `/openapi.json`, and what little we add to it.
 *
 *   docs, docs/                 the page          all URLs in it are relative: it is the same below
 *   docs/page.js, page.css      ours              every prefix, and behind whoever strips one
 *   docs/swagger-ui…            the library's */

/** The library's files that are served, with their types. Its bundle for other layouts, its sign-in for OAuth and its own page are not. */
export const LIBRARY_FILES: ReadonlyMap<string, string> = new Map([
  ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
  ['swagger-ui.css', 'text/css; charset=utf-8'],
]);

/** Without scripts and styles in it: the policy forbids them. */
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
<p>This page needs scripts to show the API. The same is in <a href="${toRoot}openapi.json">its OpenAPI document</a>, for programs;
<a href="${toRoot}">the entry point</a> links to everything that can be asked for.</p>
</noscript>
<main id="api"></main>
</body>
</html>
`;
}

/**
 * Tokens are in the memory of the page, and go with it. Nothing in its URL chooses what it shows: a stranger's link could show a stranger's document
 * under our name. To colour an answer of 600 kB takes nine seconds, in which the page stands still; without colours it is shown in one.
 *
 * The library leaves the cursor in the last scheme that there is, and out of sight in a small window: what most people have is a token, the first.
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
  url: new URL('../../openapi.json', document.currentScript.src).href,
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

/** Colours that can be read on white; and no room for choices that there are none of. */
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

/* The buttons stand on it. The library's own is an attribute. */
.swagger-ui .highlight-code:has(.download-contents) .microlight {
  padding-bottom: 4em !important;
}
`;

/** What is ours, by its path. */
export const OWN_FILES: ReadonlyMap<string, { readonly type: string; readonly text: string }> = new Map([
  ['docs', { type: 'text/html; charset=utf-8', text: pageAt({ toAssets: 'docs/', toRoot: './' }) }],
  ['docs/', { type: 'text/html; charset=utf-8', text: pageAt({ toAssets: '', toRoot: '../' }) }],
  ['docs/page.js', { type: 'text/javascript; charset=utf-8', text: SCRIPT }],
  ['docs/page.css', { type: 'text/css; charset=utf-8', text: STYLE }],
]);

/** Everything there is: nothing else is looked for anywhere. */
export const DOCS_PATHS: ReadonlySet<string> = new Set([
  ...OWN_FILES.keys(),
  ...[...LIBRARY_FILES.keys()].map((name) => `docs/${name}`),
]);
