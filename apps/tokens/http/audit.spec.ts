import { eventually } from '../../../test/support/eventually.js';
import { auditItem, toCsv } from '../history/audit-log.js';
import { call, sessionOf } from '../testing/http.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';
import { EditToken } from '../verbs/edit-token.js';

describe('the audit', () => {
  let service: TestTokenService;
  let ada: TestUser;
  let admin: string;
  let tokenId: string;

  beforeAll(async () => {
    service = await startTokenService();
    ada = await service.register('ada');
    admin = await sessionOf(service, await service.register('chief', { roles: ['admin'] }));
    const token = { userId: ada.id, description: '=cmd|"x", é', scopes: ['rest'] };
    const issued = await service.commands.execute(new CreateToken(service.caller(ada), token, 'right'));
    tokenId = issued.tokenId;
    for (const description of ['two', 'three']) {
      await service.commands.execute(new EditToken(service.caller(ada), tokenId, ada.id, { description }));
    }
    await service.verify({ credential: issued.secret, service: 'api', ip: '192.0.2.3' });
    await eventually(async () => expect((await audit('')).body.items.length).toBeGreaterThanOrEqual(5));
  });
  afterAll(() => service.stop());

  const audit = (query: string) => call(service, 'GET', `/admin/audit?${query}`, { as: admin });

  it('reads the whole log in order, in pages, without gaps', async () => {
    const whole = (await audit('limit=5000')).body.items;
    const paged: unknown[] = [];
    let cursor: string | null = null;
    do {
      const page: { items: unknown[]; nextCursor: string | null } = (
        await audit(`limit=2${cursor ? `&cursor=${cursor}` : ''}`)
      ).body;
      paged.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor);
    expect(paged.slice(0, whole.length)).toEqual(whole);
    expect(whole.map(({ at }: { at: string }) => at)).toEqual([...whole.map(({ at }: { at: string }) => at)].sort());
  });

  it('answers who, what, when and from where', async () => {
    const { items } = (await audit(`token=${tokenId}`)).body;
    expect(items.map(({ type }: { type: string }) => type)).toEqual([
      'token-created',
      'token-edited',
      'token-edited',
      'token-used',
    ]);
    expect(items[0]).toMatchObject({ by: 'ada', byId: ada.id, from: [{ ip: '192.0.2.1' }], tokenId });
    expect(items[3]).toMatchObject({ by: 'ada', from: [{ service: 'api', ip: '192.0.2.3', count: 1 }] });
  });

  it('is narrowed by type, actor, user and time', async () => {
    expect((await audit('type=token-edited,token-used')).body.items).toHaveLength(3);
    expect((await audit('actor=ada&type=token-created')).body.items).toHaveLength(1);
    expect((await audit('actor=nobody')).body.items).toEqual([]);
    expect((await audit('user=ada&type=token-used')).body.items).toHaveLength(1);
    const created = (await audit('type=token-created')).body.items[0].at;
    expect((await audit(`from=${created}&to=${created}&type=token-created`)).body.items).toHaveLength(1);
    expect((await audit('to=2001-01-01T00:00:00Z')).body.items).toEqual([]);
  });

  it('comes as lines of JSON and as CSV that no spreadsheet runs', async () => {
    const lines = await audit(`token=${tokenId}&format=jsonl&limit=3`);
    expect(lines.headers.get('content-type')).toContain('application/jsonl');
    expect(lines.headers.get('next-cursor')).toBeTruthy();
    expect(
      lines.body
        .trim()
        .split('\n')
        .map((line: string) => JSON.parse(line).type),
    ).toHaveLength(3);
    const csv = await audit(`token=${tokenId}&format=csv`);
    expect(csv.headers.get('content-type')).toContain('text/csv');
    expect(csv.body.split('\r\n')[0]).toBe('position,at,type,tokenId,sessionId,by,byId,from,changes,id,with');
  });

  it('has every field of an item in each of its forms', async () => {
    const json = (await audit(`token=${tokenId}&limit=1`)).body.items[0];
    const fields = Object.keys(auditItem.shape).sort();
    expect(Object.keys(json).sort()).toEqual(fields);
    expect(Object.keys(JSON.parse((await audit(`token=${tokenId}&format=jsonl&limit=1`)).body)).sort()).toEqual(fields);
    const [head, row] = (await audit(`token=${tokenId}&format=csv&limit=1`)).body.split('\r\n');
    expect(head.split(',').sort()).toEqual(fields);
    expect(toCsv([{ ...json, with: { kind: 'token', id: tokenId } }])).toContain(
      `{""kind"":""token"",""id"":""${tokenId}""}`,
    );
    expect(row).toContain(json.id);
  });

  it('is for admins', async () => {
    const session = await sessionOf(service, ada);
    expect((await call(service, 'GET', '/admin/audit', { as: session })).status).toBe(403);
  });
});
