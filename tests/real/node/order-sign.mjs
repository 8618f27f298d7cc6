// Medplum's CDS client, as an EHR would use it: discover, fill the prefetch from the FHIR server, call, print what came.
// node order-sign.mjs CDS_ROOT FHIR_BASE TOKEN < context.json
import { readFileSync } from 'node:fs';
import { MedplumClient, buildCdsRequest } from '@medplum/core';

const [cdsRoot, fhirBase, token] = process.argv.slice(2);
const context = JSON.parse(readFileSync(0, 'utf8'));

const cds = new MedplumClient({ baseUrl: `${cdsRoot}/`, fetch });
const ehr = new MedplumClient({ baseUrl: `${fhirBase}/`, fhirUrlPath: '', fetch, accessToken: token });
const surgeon = { resourceType: 'Practitioner', id: 'surgeon-1' };

const { services } = await cds.getCdsServices();
const service = services.find((each) => each.hook === 'order-sign');
const request = await buildCdsRequest(ehr, surgeon, service, context);
const response = await cds.callCdsService(service.id, request);
const filled = Object.fromEntries(Object.entries(request.prefetch ?? {}).map(([key, value]) => [key, value?.resourceType ?? null]));
process.stdout.write(JSON.stringify({ services, filled, response }));
process.exit(0);
