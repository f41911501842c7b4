const ROOMS = require('./tools/rooms.cjs');

/** A room's files use those of the rooms that it may use, and nothing else of their service. */
const rooms = Object.entries(ROOMS).flatMap(([service, itsRooms]) =>
  Object.entries(itsRooms).map(([room, mayUse]) => ({
    name: `room-${service}-${room}`,
    severity: 'error',
    from: { path: `^apps/${service}/${room}/`, pathNot: '\\.spec\\.ts$' },
    to: { path: `^apps/${service}/`, pathNot: `^apps/${service}/(${[room, ...mayUse].join('|')})/` },
  })),
);

/** The boundaries of `docs/` in a form that a machine holds. */
module.exports = {
  forbidden: [
    ...rooms,
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true, dependencyTypesNot: ['type-only'] } },
    {
      name: 'contracts-stand-alone',
      comment: 'Whoever reads a message needs its schema and nothing else.',
      severity: 'error',
      from: { path: '^libs/contracts/', pathNot: '\\.spec\\.ts$' },
      to: { pathNot: '^libs/contracts/|node_modules/(zod|uuid)/|^(node:)?(crypto|net|tls|zlib)$' },
    },
    {
      name: 'event-store-knows-no-domain',
      severity: 'error',
      from: { path: '^libs/event-store/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^(apps|libs/(?!event-store))/' },
    },
    {
      name: 'auth-is-light',
      comment: 'The guard is installed by other teams: no database, no ORM, nothing of the services.',
      severity: 'error',
      from: { path: '^libs/auth/', pathNot: '\\.spec\\.ts$|/test' },
      to: { path: '^apps/|^libs/(?!auth|contracts)|node_modules/(pg|@mikro-orm|kysely|@nestjs/cqrs)/' },
    },
    {
      name: 'apps-meet-in-messages',
      comment: 'A service reaches another one by a contract, never by an import.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'libs-know-no-app',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^apps/' },
    },
    {
      name: 'no-tests-in-products',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: '\\.spec\\.ts$|/testing/|/test[^/]*\\.ts$' },
      to: { path: '^test/|/testing/|\\.spec\\.ts$' },
    },
    {
      name: 'no-undeclared',
      severity: 'error',
      from: { pathNot: '\\.spec\\.ts$|^libs/auth/' },
      to: {
        dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'],
        pathNot: '^(express|passport-strategy)',
      },
    },
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // What a package of ours bundles is declared at the root.
    combinedDependencies: true,
    // Other people's code, with what they depend on.
    exclude: { path: '^(dist|bench/peers)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.json', '.d.ts'],
    },
  },
};
