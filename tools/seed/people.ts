/** A person or an application that the seed registers: the body of `POST /users`. */
export interface Person {
  readonly username: string;
  readonly kind: 'person' | 'application';
  readonly displayName: string;
  readonly email: string;
  readonly organization: string;
  readonly roles: readonly string[];
}

/** What a token is for: part of the body of `POST /admin/tokens`. */
export interface Purpose {
  readonly description: string;
  readonly scopes: readonly string[];
  /** Days until it expires; null: never. */
  readonly lifetimeDays: number | null;
}

/** Numbers from 0 up to 1, the same ones for the same seed. */
export type Random = () => number;

const FIRST_NAMES =
  'Ada Alan Amara Anders Anneke Bogdan Carmen Chidi Claire Dagmar Darius Elena Emeka Erik Fatima Felix Freya Gabriel Grace Hana Henrik Hiroshi Ines Ivan Jamila Jonas Julia Kamal Karin Katarzyna Kenji Lars Layla Leonie Linus Lucia Magnus Maja Malik Margaret Mateo Mei Mikael Nadia Niels Noor Oksana Olivia Omar Paula Pedro Priya Radka Rafael Ravi Rosa Samir Sanne Sofia Tariq Tomas Ursula Viktor Wanda Yara Yusuf Zofia'.split(
    ' ',
  );
const LAST_NAMES =
  'Abe Adeyemi Ahmed Almeida Andersen Baker Bauer Becker Bianchi Brandt Byrne Castro Chen Costa Diaz Dubois Eriksen Farah Fischer Fontaine Garcia Gruber Haddad Hansen Hoffmann Horvat Ibrahim Ito Jansen Johansson Kaya Keller Khan Kowalska Kumar Larsen Lindqvist Lopez Maier Marino Meyer Moreau Nakamura Nguyen Novak Okafor Olsen Papadakis Patel Petrov Quinn Rossi Ruiz Sato Schmidt Silva Singh Sorensen Tanaka Varga Virtanen Visser Weber Yilmaz Zeman'.split(
    ' ',
  );
const ORGANIZATIONS = [
  'Northwind Energy',
  'Harbor Logistics',
  'Meridian Labs',
  'Alder Bank',
  'Kestrel Health',
  'Polder Water',
  'Lumen Studios',
  'City of Aldmoor',
];
const PROGRAMS = [
  'billing export',
  'nightly backup',
  'warehouse sync',
  'ticket mirror',
  'metering gateway',
  'invoice mailer',
  'asset scanner',
  'status page',
];
/** What the first few get, so that even a small seed shows them, and what the rest draw from. */
const FIRST_ROLES = ['developer', 'operator', 'helpdesk', 'auditor'];
const ROLES: readonly (readonly [share: number, roles: readonly string[]])[] = [
  [0.6, []],
  [0.27, ['developer']],
  [0.08, ['operator']],
  [0.02, ['operator', 'developer']],
  [0.015, ['helpdesk']],
  [0.015, ['auditor']],
];
const EVERY_SO_MANY_AN_APPLICATION = 20;

const PURPOSES: readonly (readonly [description: string, scopes: readonly string[]])[] = [
  ['Nightly export to BI', ['reports', 'export']],
  ['Grafana datasource', ['metrics']],
  ['Prometheus remote read', ['metrics']],
  ['GitLab pipeline', ['rest', 'deploy']],
  ['Jenkins agent', ['rest', 'deploy']],
  ['Terraform provider', ['rest', 'deploy']],
  ['Python notebook', ['rest']],
  ['Command line on my laptop', ['rest', 'tokens']],
  ['Excel power query', ['reports']],
  ['Backup of the ticket system', ['export']],
  ['Mobile app', ['rest']],
  ['Webhook receiver', ['events']],
  ['Monitoring probe', ['metrics']],
  ['Inventory scanner in the warehouse', ['rest', 'assets']],
  ['Zapier connection', ['rest', 'events']],
  ['Month-end billing run', ['reports', 'export']],
  ['Load test', ['rest']],
  ['Address book sync', ['rest']],
];
const PLACES = ['', '', '', ' (staging)', ' (production)', ' (old server)', ' on host 12', ', second try'];
const LIFETIMES: readonly (readonly [share: number, days: number | null])[] = [
  [0.25, null],
  [0.05, 1],
  [0.1, 7],
  [0.2, 30],
  [0.2, 90],
  [0.1, 180],
  [0.1, 365],
];

/** A generator of numbers (mulberry32): nothing here is a secret. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** So many people, and an application for every twenty; no two have the same account name. */
export function people(count: number, random: Random): Person[] {
  const taken = new Set<string>();
  const unique = (name: string) => {
    let username = name;
    for (let number = 2; taken.has(username); number++) username = `${name}${number}`;
    taken.add(username);
    return username;
  };
  return Array.from({ length: count }, (_, index) => {
    const organization = pick(ORGANIZATIONS, random);
    const domain = `${slug(organization, '-')}.example`;
    if (index % EVERY_SO_MANY_AN_APPLICATION === EVERY_SO_MANY_AN_APPLICATION - 1) {
      const program = pick(PROGRAMS, random);
      const username = unique(slug(program, '-'));
      const email = `operations+${username}@${domain}`;
      return { username, kind: 'application', displayName: capital(program), email, organization, roles: [] };
    }
    const displayName = `${pick(FIRST_NAMES, random)} ${pick(LAST_NAMES, random)}`;
    const username = unique(slug(displayName, '.'));
    const first = FIRST_ROLES[index];
    const roles = first ? [first] : weighted(ROLES, random);
    return { username, kind: 'person', displayName, email: `${username}@${domain}`, organization, roles };
  });
}

/** What somebody wants a token for. */
export function purpose(random: Random): Purpose {
  const [description, scopes] = pick(PURPOSES, random);
  return {
    description: description + pick(PLACES, random),
    scopes,
    lifetimeDays: weighted(LIFETIMES, random),
  };
}

/** One of a list that is not empty. */
export function pick<Item>(items: readonly Item[], random: Random): Item {
  return items[Math.floor(random() * items.length)] as Item;
}

/** The same items in another order. */
export function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  return items
    .map((item) => ({ item, key: random() }))
    .sort((one, other) => one.key - other.key)
    .map(({ item }) => item);
}

function weighted<Item>(items: readonly (readonly [share: number, item: Item])[], random: Random): Item {
  let left = random();
  for (const [share, item] of items) {
    left -= share;
    if (left < 0) return item;
  }
  return (items[0] as readonly [number, Item])[1];
}

function slug(name: string, separator: string): string {
  return name.toLowerCase().replaceAll(' ', separator);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
