using Local;

namespace Backend.Tests.Launcher;

public sealed class RolesScriptTests
{
    private static readonly Dictionary<string, string> Variables = new() { ["password"] = "it's; \\ -- \"x\"", ["database"] = "my\"base" };

    [Fact]
    public void Variables_become_quoted_literals_and_identifiers_and_nothing_of_their_text_is_read_as_SQL()
    {
        var statements = RolesScript.Statements("create role r password :'password'; create database :\"database\";", Variables).ToList();

        Assert.Equal(["create role r password 'it''s; \\ -- \"x\"'", "create database \"my\"\"base\""], statements);
    }

    [Fact]
    public void Semicolons_in_quotes_and_comments_end_no_statement_and_casts_are_no_variables()
    {
        var statements = RolesScript.Statements(
            "-- one; two :'password'\nselect ';' /* ; */ , 'it''s', \"a;b\", now()::date;\n\n;select '2'::\"char\"", Variables).ToList();

        Assert.Equal(["select ';'   , 'it''s', \"a;b\", now()::date", "select '2'::\"char\""], statements);
    }

    [Fact]
    public void A_variable_without_a_value_is_an_error_and_not_an_empty_password()
    {
        var error = Assert.Throws<FormatException>(() => RolesScript.Statements("alter role r password :'forgotten'", Variables).ToList());

        Assert.Contains("forgotten", error.Message, StringComparison.Ordinal);
    }
}
