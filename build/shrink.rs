//! Leaves out of scripts and stylesheets what only people read: comments, indentation, spaces that
//! separate nothing. Names, strings, templates and regular expressions stay as they are, and so do
//! the ends of lines that may end a statement.

use std::iter::Peekable;
use std::str::Chars;

/// Words behind which a slash begins a regular expression.
const BEFORE_REGEX: [&str; 14] = [
    "return",
    "typeof",
    "instanceof",
    "in",
    "of",
    "new",
    "delete",
    "void",
    "throw",
    "case",
    "do",
    "else",
    "await",
    "yield",
];

/// A piece of a script.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A name, a keyword, or a part of a number.
    Word(String),
    /// A string or a template.
    Text(String),
    Regex(String),
    Sign(char),
}

/// A script without what only people read.
///
/// # Errors
/// When a string, a template or a comment has no end: then something was taken for what it is not.
pub(crate) fn script(text: &str) -> Result<String, String> {
    let mut shrunk = String::with_capacity(text.len());
    let mut reader = Reader {
        chars: text.chars().peekable(),
        line: 1,
    };
    let mut before = None;
    loop {
        let gap = reader.gap()?;
        let Some(token) = reader.token(before.as_ref())? else {
            break;
        };
        if let Some(before) = &before {
            match gap {
                Gap::Lines if !goes_on(before, &token) => shrunk.push('\n'),
                Gap::Lines | Gap::Spaces if would_join(before, &token) => shrunk.push(' '),
                Gap::None | Gap::Spaces | Gap::Lines => {}
            }
        }
        match &token {
            Token::Word(text) | Token::Text(text) | Token::Regex(text) => shrunk.push_str(text),
            Token::Sign(sign) => shrunk.push(*sign),
        }
        before = Some(token);
    }
    shrunk.push('\n');
    Ok(shrunk)
}

/// Whether no statement can end between two tokens.
fn goes_on(before: &Token, after: &Token) -> bool {
    matches!(before, Token::Sign(sign) if "{([,;:?&|=".contains(*sign))
        || matches!(after, Token::Sign(sign) if "})],;.:?&|=".contains(*sign))
}

/// Whether two tokens would be read as another one without something between them.
fn would_join(before: &Token, after: &Token) -> bool {
    match (before, after) {
        (Token::Word(_) | Token::Regex(_), Token::Word(_))
        | (Token::Sign('/'), Token::Regex(_)) => true,
        // `1 .toFixed()`
        (Token::Word(word), Token::Sign('.')) => word.starts_with(|it: char| it.is_ascii_digit()),
        (Token::Sign(before), Token::Sign(after)) => {
            matches!((before, after), ('+', '+') | ('-', '-') | ('/', '/' | '*'))
        }
        _ => false,
    }
}

/// What stands between two tokens.
enum Gap {
    None,
    Spaces,
    Lines,
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    line: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.chars.next();
        if next == Some('\n') {
            self.line += 1;
        }
        next
    }

    fn peek(&mut self) -> Option<char> {
        self.chars.peek().copied()
    }

    /// What comes behind the next one.
    fn second(&self) -> Option<char> {
        self.chars.clone().nth(1)
    }

    fn no_end(&self, what: &str, line: usize) -> String {
        format!("{what} in line {line} has no end (line {})", self.line)
    }

    fn gap(&mut self) -> Result<Gap, String> {
        let begin = self.line;
        let mut gap = Gap::None;
        loop {
            match (self.peek(), self.second()) {
                (Some(space), _) if space.is_whitespace() => {
                    self.next();
                }
                (Some('/'), Some('/')) => {
                    while self.peek().is_some_and(|it| it != '\n') {
                        self.next();
                    }
                }
                (Some('/'), Some('*')) => {
                    let line = self.line;
                    self.next();
                    self.next();
                    while !(self.peek() == Some('*') && self.second() == Some('/')) {
                        self.next().ok_or_else(|| self.no_end("a comment", line))?;
                    }
                    self.next();
                    self.next();
                }
                _ if self.line > begin => return Ok(Gap::Lines),
                _ => return Ok(gap),
            }
            gap = Gap::Spaces;
        }
    }

    fn token(&mut self, before: Option<&Token>) -> Result<Option<Token>, String> {
        let Some(first) = self.peek() else {
            return Ok(None);
        };
        let mut text = String::new();
        Ok(Some(match first {
            '"' | '\'' => {
                self.string(first, &mut text)?;
                Token::Text(text)
            }
            '`' => {
                self.template(&mut text)?;
                Token::Text(text)
            }
            '/' if is_operand_due(before) => {
                self.regex(&mut text)?;
                Token::Regex(text)
            }
            first if is_of_word(first) => {
                while let Some(next) = self.peek().filter(|it| is_of_word(*it)) {
                    text.push(next);
                    self.next();
                }
                Token::Word(text)
            }
            sign => {
                self.next();
                Token::Sign(sign)
            }
        }))
    }

    /// Takes a string with its quotes.
    fn string(&mut self, quote: char, text: &mut String) -> Result<(), String> {
        let line = self.line;
        text.extend(self.next());
        loop {
            match self.next() {
                Some('\\') => {
                    text.push('\\');
                    text.extend(self.next());
                }
                None | Some('\n') => return Err(self.no_end("a string", line)),
                Some(next) => {
                    text.push(next);
                    if next == quote {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Takes a template with its backticks, and the expressions in it as they are.
    fn template(&mut self, text: &mut String) -> Result<(), String> {
        let line = self.line;
        text.extend(self.next());
        loop {
            match self.next() {
                Some('\\') => {
                    text.push('\\');
                    text.extend(self.next());
                }
                Some('$') if self.peek() == Some('{') => {
                    text.push('$');
                    text.extend(self.next());
                    self.expression(text)?;
                }
                Some(next) => {
                    text.push(next);
                    if next == '`' {
                        return Ok(());
                    }
                }
                None => return Err(self.no_end("a template", line)),
            }
        }
    }

    /// Takes what stands in a template until its closing brace.
    fn expression(&mut self, text: &mut String) -> Result<(), String> {
        let line = self.line;
        let mut open = 1;
        let mut before = None;
        while open > 0 {
            if self.peek().is_some_and(char::is_whitespace) {
                text.extend(self.next());
                continue;
            }
            let token = self
                .token(before.as_ref())?
                .ok_or_else(|| self.no_end("an expression", line))?;
            match &token {
                Token::Word(piece) | Token::Text(piece) | Token::Regex(piece) => {
                    text.push_str(piece);
                }
                Token::Sign(sign) => {
                    text.push(*sign);
                    match sign {
                        '{' => open += 1,
                        '}' => open -= 1,
                        _ => {}
                    }
                }
            }
            before = Some(token);
        }
        Ok(())
    }

    /// Takes a regular expression with its slashes; what follows them is a word of its own.
    fn regex(&mut self, text: &mut String) -> Result<(), String> {
        let line = self.line;
        text.extend(self.next());
        let mut in_class = false;
        loop {
            match self.next() {
                Some('\\') => {
                    text.push('\\');
                    text.extend(self.next());
                }
                None | Some('\n') => return Err(self.no_end("a regular expression", line)),
                Some(next) => {
                    text.push(next);
                    match next {
                        '[' => in_class = true,
                        ']' => in_class = false,
                        '/' if !in_class => return Ok(()),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// Whether a value is what comes next, and no operator.
fn is_operand_due(before: Option<&Token>) -> bool {
    match before {
        None => true,
        Some(Token::Word(word)) => BEFORE_REGEX.contains(&word.as_str()),
        Some(Token::Text(_) | Token::Regex(_)) => false,
        Some(Token::Sign(sign)) => !matches!(sign, ')' | ']' | '}'),
    }
}

fn is_of_word(it: char) -> bool {
    it.is_alphanumeric()
        || matches!(it, '_' | '$' | '#' | '\\')
        || !it.is_ascii() && !it.is_whitespace()
}

/// A stylesheet without what only people read.
pub(crate) fn style(text: &str) -> String {
    let mut shrunk = String::with_capacity(text.len());
    let mut rest = text;
    let mut gap = false;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("/*") => {
                rest = rest.split_once("*/").map_or("", |(_, rest)| rest);
                continue;
            }
            ' ' | '\t' | '\r' | '\n' => {
                gap = true;
                rest = rest.trim_start();
                continue;
            }
            '"' | '\'' => rest
                .get(1..)
                .and_then(|it| it.find(first))
                .map_or(rest.len(), |end| end + 2),
            first => first.len_utf8(),
        };
        if first == '}' && shrunk.ends_with(';') {
            shrunk.pop();
        }
        // A space before a colon is a descendant of any kind; before a bracket it belongs to `and (…)`.
        let is_needed = !shrunk.is_empty()
            && !shrunk.ends_with(['{', '}', ';', ',', ':'])
            && !matches!(first, '{' | '}' | ';' | ',');
        if gap && is_needed {
            shrunk.push(' ');
        }
        gap = false;
        let (taken, left) = rest.split_at(length);
        shrunk.push_str(taken);
        rest = left;
    }
    shrunk.push('\n');
    shrunk
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(script(text).unwrap().trim_end(), expected, "{text}");
    }

    #[test]
    fn what_only_people_read_is_left_out() {
        check(
            "// a\nlet a = 1; /* b\n c */ let b = { c: 2, };\n",
            "let a=1;let b={c:2,};",
        );
        check(
            "/** Doc. */\nfunction f(a, b) {\n    return a + b;\n}\n",
            "function f(a,b){return a+b;}",
        );
        check("if (a) b();\n\n\n// x\nelse c();", "if(a)b();else c();");
        check(
            "const f = async (x) => [...x]\n    .map((y) => y);",
            "const f=async(x)=>[...x].map((y)=>y);",
        );
    }

    #[test]
    fn texts_stay_as_they_are() {
        for text in [
            r#""a  // b""#,
            r"'it\'s  /* no */ comment'",
            "`a  ${ b ? `c  ${ \"}\" }  // d` : { e: 1 } }  f\n   g`",
            "`\\`  ${x}`",
            r"/[/\s  ]\/  \/\//gu",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn a_slash_divides_or_begins_an_expression() {
        check("a = b / c / d; // e", "a=b/c/d;");
        check("f(x) / 2 /* y */", "f(x)/2");
        check("return / \" /.test(a)", "return/ \" /.test(a)");
        check(
            "x = y.replace(/  \\/\\*'/, \"\")",
            "x=y.replace(/  \\/\\*'/,\"\")",
        );
        check("a[0] / \"b\".length", "a[0]/\"b\".length");
        check("a = b / /c/.d", "a=b/ /c/.d");
        check("(a) => /b  c/ in d", "(a)=>/b  c/ in d");
    }

    #[test]
    fn what_would_become_another_token_stays_apart() {
        check("a + +b - -c + ++d", "a+ +b- -c+ ++d");
        check("typeof a in b", "typeof a in b");
        check("1 .toFixed(2) + 1.5", "1 .toFixed(2)+1.5");
        check("get #a() { return this.#b }", "get #a(){return this.#b}");
    }

    #[test]
    fn the_end_of_a_line_may_end_a_statement() {
        check("let a = b\n(c)", "let a=b\n(c)");
        check("a\n++b", "a\n++b");
        check("return\na", "return\na");
        check(
            "class A {\n    #b = 1\n    [c] = 2\n}\nd()",
            "class A{#b=1\n[c]=2}\nd()",
        );
        check("a = b\n    ? c\n    : d;\ne && \n f", "a=b?c:d;e&&f");
    }

    #[test]
    fn what_has_no_end_is_told_with_its_line() {
        for (text, told) in [
            ("\nlet a = \"b\n", "a string in line 2"),
            ("`${a", "an expression in line 1"),
            ("/* a", "a comment in line 1"),
            ("a = /b\n", "a regular expression in line 1"),
        ] {
            let refusal = script(text).unwrap_err();
            assert!(refusal.contains(told), "{text}: {refusal}");
        }
    }

    #[test]
    fn a_stylesheet_keeps_the_spaces_that_mean_something() {
        for (text, expected) in [
            (
                "/* a */\na  b ,\n c { color : red ; }\n",
                "a b,c{color :red}",
            ),
            (
                "a :is(b, c) > d::before { content: \" { /* x */ } \"; }",
                "a :is(b,c) > d::before{content:\" { /* x */ } \"}",
            ),
            (
                "@media (width < 1px) and (hover: none) { a { b: calc(1px + 2px) } }",
                "@media (width < 1px) and (hover:none){a{b:calc(1px + 2px)}}",
            ),
            (
                "a { --x: var(--y, 1px)  2px; }\n\n\nb { }",
                "a{--x:var(--y,1px) 2px}b{}",
            ),
        ] {
            assert_eq!(style(text).trim_end(), expected);
        }
    }
}
