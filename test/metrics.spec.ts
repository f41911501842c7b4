import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from '../tools/paths.js';
import { eventually } from './support/eventually.js';
import { expectStatus, PASSWORD, WholeSystem } from './support/whole-system.js';

/** The YAML parser of `@nestjs/swagger`. */
const { load } = createRequire(createRequire(import.meta.url).resolve('@nestjs/swagger'))('js-yaml') as {
  load(text: string): unknown;
};

/** What Prometheus adds itself. */
const BUILT_IN = new Set(['up']);
/** Words of its language, where a metric's name could stand. */
const LANGUAGE =
  /^(sum|rate|increase|max|min|count|by|without|on|and|or|unless|absent|abs|histogram_quantile|ignoring|group_left|bool|le)$/;

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}

/** What a scrape holds: each family's type and help, and each series' labels. */
function parse(text: string) {
  const families = new Map<string, { help?: string; type?: string }>();
  const series: { name: string; labels: Record<string, string>; value: number }[] = [];
  for (const line of text.split('\n')) {
    const told = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (told) {
      const [, word, name = '', rest] = told;
      families.set(name, { ...families.get(name), [word === 'HELP' ? 'help' : 'type']: rest });
    } else if (line !== '') {
      const [, name = '', labels = '', value] = /^([a-zA-Z_:]\w*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]);
      series.push({ name, labels: Object.fromEntries(pairs), value: Number(value) });
    }
  }
  return { families, series };
}

/** The metrics that an expression reads, with the labels that it picks them by. */
function selectorsOf(expr: string): { name: string; labels: { key: string; equals: string | null }[] }[] {
  // What stands behind `by`, `without` and `on` are labels.
  const text = expr.replaceAll(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, ' ').replaceAll(/\[[^\]]*\]/g, ' ');
  return [...text.matchAll(/([a-z_][a-z0-9_]*)\s*(?:\{([^}]*)\})?/g)]
    .map(([, name = '', inside = '']) => ({
      name,
      labels: [...inside.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)].map(([, key = '', sign, value = '']) => {
        return { key, equals: sign === '=' ? value : null };
      }),
    }))
    .filter(({ name }) => !LANGUAGE.test(name) && !BUILT_IN.has(name));
}

describe('metrics', () => {
  let whole: WholeSystem;
  let user: { id: string; username: string };
  let secret: string;

  beforeAll(async () => {
    const mail = { SMTP_URL: 'smtp://127.0.0.1:9', MAIL_FROM: 'tokens@example.org' };
    whole = await WholeSystem.start('metrics', { ...mail, LOGIN_ATTEMPTS_PER_ACCOUNT: '2' });
    user = await whole.register('grace.hopper');
    secret = (await whole.issue(user.id)).secret;
  });
  afterAll(() => whole.stop());

  const scrape = async (service: 'identity' | 'tokens' | 'example') => {
    const answer = await fetch(`${whole.system[service].url}/metrics`);
    expect({ status: answer.status, type: answer.headers.get('content-type') }).toEqual({
      status: 200,
      type: expect.stringMatching(/^text\/plain; version=0\.0\.4/),
    });
    return answer.text();
  };
  const sumOf = async (service: 'identity' | 'tokens', name: string, labels: Record<string, string> = {}) => {
    const found = parse(await scrape(service)).series.filter(
      (one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value),
    );
    return found.reduce((sum, { value }) => sum + value, 0);
  };
  const scrapeAll = async () => Promise.all((['identity', 'tokens', 'example'] as const).map(scrape));
  const rules = async () => {
    const text = await readFile(join(root, 'deploy', 'alerts.yml'), 'utf8');
    return (load(text) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);
  };

  it.each([
    ['http', () => whole.tokens('GET', '/tokens/self', { as: secret })],
    ['nats', () => whole.example('GET', '/', { as: secret })],
    ['forward-auth', () => whole.tokens('GET', '/auth/verify', { as: secret })],
    ['in-process', () => whole.identity('POST', '/login', { json: { username: user.username, password: secret } })],
  ] as const)('count and time verifications by outcome and way in: %s', async (via, use) => {
    const before = await sumOf('tokens', 'tokenlog_verifications_total', { via, outcome: 'active' });
    expect((await use()).status).toBeLessThan(300);
    expect(await sumOf('tokens', 'tokenlog_verifications_total', { via, outcome: 'active' })).toBe(before + 1);
    const timed = await sumOf('tokens', 'tokenlog_verification_duration_seconds_count', { via });
    expect(timed).toBe(await sumOf('tokens', 'tokenlog_verifications_total', { via }));
  });

  it('count introspections, and refusals by their reason', async () => {
    const { id } = (await whole.identity('GET', '/me', { as: whole.admin })).body.user;
    const clerk = await whole.issue(id, { scopes: ['introspect'] });
    const dead = await whole.issue(user.id);
    const json = { password: 'whole-system-admin-password' };
    expectStatus(await whole.tokens('POST', `/admin/tokens/${dead.token.id}/revoke`, { as: whole.admin, json }), 200);
    const form = { token: dead.secret };
    await whole.tokens('POST', '/oauth2/introspect', { as: clerk.secret, form });
    const labels = { via: 'introspection', outcome: 'revoked' };
    expect(await sumOf('tokens', 'tokenlog_verifications_total', labels)).toBe(1);
  });

  it('count logins that are refused, by why', async () => {
    const logins = (outcome: string) => sumOf('identity', 'tokenlog_logins_total', { outcome });
    // A start tries whether a login is refused.
    const before = { wrong: await logins('wrong'), throttled: await logins('throttled') };
    for (const password of ['wrong', 'wrong', 'wrong']) {
      await whole.identity('POST', '/login', { json: { username: user.username, password } });
    }
    expect((await logins('wrong')) - before.wrong).toBe(2);
    expect((await logins('throttled')) - before.throttled).toBe(1);
    expect(await logins('accepted')).toBeGreaterThanOrEqual(1);
    expect(await sumOf('identity', 'tokenlog_password_checks_total', { outcome: 'wrong' })).toBe(2);
  });

  it('say that nobody is behind once all is published and applied', async () => {
    await eventually(async () => {
      expect(await sumOf('identity', 'tokenlog_subscription_behind_events')).toBe(0);
      expect(await sumOf('tokens', 'tokenlog_subscription_behind_events')).toBe(0);
      expect(await sumOf('tokens', 'tokenlog_consumer_behind_events')).toBe(0);
    });
    expect(await sumOf('tokens', 'tokenlog_consumer_behind_seconds')).toBe(0);
    expect(await sumOf('tokens', 'tokenlog_subscription_behind_seconds')).toBe(0);
  });

  it('have help, a type and a name by Prometheus’ conventions, each', async () => {
    for (const text of await scrapeAll()) {
      for (const [name, { help = '', type = '' }] of parse(text).families) {
        if (!name.startsWith('tokenlog_')) continue;
        expect({ name, help: help.length > 20, type }).toEqual({ name, help: true, type: expect.any(String) });
        expect(name).toMatch(/^tokenlog_[a-z]+(_[a-z]+)*$/);
        expect(name).not.toMatch(/_(ms|milliseconds|minutes|count|sum|bucket)(_total)?$/);
        expect({ name, isCounter: type === 'counter' }).toEqual({ name, isCounter: name.endsWith('_total') });
      }
    }
  });

  it('hold nothing of any user, token or secret, and labels of a few values each', async () => {
    await whole.identity('GET', `/users/${user.id}`, { as: whole.admin });
    await whole.identity('GET', '/no-such-route/grace.hopper', { as: whole.admin });
    for (const text of await scrapeAll()) {
      for (const told of [user.id, user.username, 'admin"', secret, whole.admin, PASSWORD, '127.0.0.1']) {
        expect(text).not.toContain(told);
      }
      const values = new Map<string, Set<string>>();
      for (const { name, labels } of parse(text).series) {
        for (const [key, value] of Object.entries(labels)) {
          expect(value).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
          values.set(`${name} ${key}`, (values.get(`${name} ${key}`) ?? new Set()).add(value));
        }
      }
      for (const [label, of] of values) expect({ label, few: of.size < 60 }).toEqual({ label, few: true });
    }
  });

  it('that an alert rule reads are there, with the labels that it picks them by', async () => {
    const series = (await scrapeAll()).flatMap((text) => parse(text).series);
    for (const { alert, expr } of await rules()) {
      for (const { name, labels } of selectorsOf(expr)) {
        const found = series.filter((one) => one.name === name);
        expect({ alert, name, found: found.length > 0 }).toEqual({ alert, name, found: true });
        for (const { key, equals } of labels) {
          const has = found.some(({ labels }) => key in labels && (equals === null || labels[key] === equals));
          expect({ alert, name, key, equals, has }).toEqual({ alert, name, key, equals, has: true });
        }
      }
    }
  });

  it('each alert rule is whole, and says in docs/operations.md what to do', async () => {
    const operations = await readFile(join(root, 'docs', 'operations.md'), 'utf8');
    const all = await rules();
    expect(new Set(all.map(({ alert }) => alert)).size).toBe(all.length);
    for (const rule of all) {
      expect(rule).toEqual({
        alert: expect.stringMatching(/^Tokenlog[A-Z][A-Za-z]+$/),
        expr: expect.any(String),
        for: expect.stringMatching(/^\d+[smh]$/),
        labels: { severity: expect.stringMatching(/^(page|ticket)$/) },
        annotations: { summary: expect.any(String) },
      });
      // Every parenthesis and brace is closed.
      for (const [open, close] of ['()', '{}', '[]']) {
        expect(rule.expr.split(open as string).length).toBe(rule.expr.split(close as string).length);
      }
      expect(operations).toContain(`**${rule.alert}**`);
    }
  });
});
