// Generates the types of requests, responses and events from the OpenAPI document, for the page and its tests: `just page-check`.

import { readFileSync, writeFileSync } from 'node:fs';
import { compile } from 'json-schema-to-typescript';
import { load } from 'js-yaml';

const document = readFileSync(new URL('../contract/openapi.yaml', import.meta.url), 'utf8');
const schemas = /** @type {any} */ (load(document.replaceAll('#/components/schemas/', '#/$defs/'))).components.schemas;
const types = await compile({ $defs: schemas, description: 'Generated from tests/contract/openapi.yaml by `just page-check`.' }, 'Api', {
  additionalProperties: false,
  bannerComment: '',
  format: false,
  ignoreMinAndMaxItems: true,
  unreachableDefinitions: true,
});
writeFileSync(new URL('../../functions/web/api.d.ts', import.meta.url), types);
