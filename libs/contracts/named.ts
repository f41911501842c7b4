import type { z } from 'zod';

/**
 * A schema under the name that it has in the OpenAPI document, which is published: it is never given another meaning.
 * @param example what the document shows; in the schema's own form, before it is read
 */
export function named<Schema extends z.ZodType>(name: string, schema: Schema, example: z.input<Schema>): Schema {
  return schema.meta({ id: name, examples: [example] });
}

/** The example that a schema has in the OpenAPI document, read. */
export function exampleOf<Schema extends z.ZodType>(schema: Schema): z.output<Schema> {
  const [example] = (schema.meta()?.examples ?? []) as z.input<Schema>[];
  return schema.parse(example);
}
