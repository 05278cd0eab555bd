// Light or dark: the system's way, or the one that was chosen. The service remembers it.

/** Shows the page in a theme: `light`, `dark`, or `auto`. */
export function useTheme(name) {
    document.documentElement.dataset.theme = name;
}
