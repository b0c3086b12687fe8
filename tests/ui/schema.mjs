// Holds a value to a schema of docs/api/openapi.json: the part of JSON Schema 2020-12 that it uses.

const TYPES = {
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === "boolean",
  null: (value) => value === null,
  array: Array.isArray,
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
};

// What is wrong with `value`, as a list of "where: what".
export function faults(document, schema, value, where = "answer") {
  if (schema.$ref)
    return faults(document, document.components.schemas[schema.$ref.split("/").at(-1)], value, where);
  if (schema.oneOf) {
    const tried = schema.oneOf.map((one) => faults(document, one, value, where));
    return tried.some((found) => found.length === 0) ? [] : tried.sort((a, b) => a.length - b.length)[0];
  }
  if (schema.allOf) return schema.allOf.flatMap((one) => faults(document, one, value, where));
  const types = [schema.type ?? []].flat();
  if (types.length > 0 && !types.some((type) => TYPES[type](value))) {
    return [`${where}: ${JSON.stringify(value)?.slice(0, 60)} is not ${types.join(" or ")}`];
  }
  if (schema.enum && !schema.enum.includes(value))
    return [`${where}: ${JSON.stringify(value)} is not in the enum`];
  if (
    schema.format === "date-time" &&
    typeof value === "string" &&
    !/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(value)
  ) {
    return [`${where}: ${value} is not an RFC 3339 time`];
  }
  if (Array.isArray(value)) return arrayFaults(document, schema, value, where);
  return TYPES.object(value) ? objectFaults(document, schema, value, where) : [];
}

function arrayFaults(document, schema, value, where) {
  if (schema.prefixItems && value.length < schema.prefixItems.length) return [`${where}: too short`];
  return value.flatMap((item, index) => {
    const one = schema.prefixItems?.[index] ?? schema.items;
    return one ? faults(document, one, item, `${where}[${index}]`) : [];
  });
}

function objectFaults(document, schema, value, where) {
  const missing = (schema.required ?? [])
    .filter((name) => !(name in value))
    .map((name) => `${where}.${name}: missing`);
  const wrong = Object.entries(value).flatMap(([name, member]) => {
    const one = schema.properties?.[name] ?? schema.additionalProperties;
    return one && typeof one === "object" ? faults(document, one, member, `${where}.${name}`) : [];
  });
  return [...missing, ...wrong];
}
