// Medplum's FHIR client reads what the service publishes: metadata, searches, pages, a read by id; prints what came.
// node fhir-read.mjs ROOT TOKEN
import { MedplumClient } from '@medplum/core';

const [root, token] = process.argv.slice(2);
const client = new MedplumClient({ baseUrl: `${root}/`, fhirUrlPath: 'fhir', fetch, accessToken: token || undefined, cacheTime: 0 });
const ids = (resources) => resources.map((each) => each.id);

const metadata = await client.get(client.fhirUrl('metadata'));
const all = await client.searchResources('PlanDefinition', { _count: '200' });
const [first] = all;
const byUrl = await client.searchResources('PlanDefinition', { url: first.url });
const byName = await client.searchResources('PlanDefinition', { name: first.name });
const byStatus = {};
for (const status of ['draft', 'active', 'retired']) {
  byStatus[status] = ids(await client.searchResources('PlanDefinition', { status, _count: '200' }));
}
const pages = [];
for await (const page of client.searchResourcePages('ValueSet', { _count: '4' })) {
  pages.push(ids(page));
}
const total = (await client.search('ValueSet', { _summary: 'count' })).total;
const read = await client.readResource('ValueSet', pages[0][0]);
const reference = await client.readReference({ reference: `PlanDefinition/${first.id}` });
let missing;
try {
  await client.readResource('ValueSet', 'no-such-set');
} catch (error) {
  missing = error.outcome?.issue?.[0]?.code;
}
const told = { metadata, all: all.map(({ id, url, name, status }) => ({ id, url, name, status })), first: first.id, byUrl: ids(byUrl),
  byName: ids(byName), byStatus, pages, total, read, reference: reference.id, missing };
process.stdout.write(JSON.stringify(told));
process.exit(0);
