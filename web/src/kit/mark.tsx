// Capstan's mark: a capstan seen from above, eight bars in a drum.
export function Mark({ size = 22 }: { size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden="true" className="mark">
      <rect width="32" height="32" rx="7" />
      <path d="M16 4.500v23M4.500 16h23M7.900 7.900l16.200 16.200M24.100 7.900L7.900 24.100" />
      <circle cx="16" cy="16" r="6.200" />
    </svg>
  );
}
