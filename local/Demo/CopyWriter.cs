using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Npgsql;

namespace Local.Demo;

/// <summary>
/// Writes entities by binary COPY. Table, columns, types and conversions come from the EF model, so that a renamed column or a new enum value
/// needs no second place. Only a superuser may: PostgreSQL refuses COPY FROM on a table under forced row level security.
/// </summary>
internal sealed class CopyWriter(IModel model, NpgsqlConnection connection)
{
    private static readonly System.Reflection.MethodInfo WriteTyped = typeof(NpgsqlBinaryImporter).GetMethods()
        .Single(m => m is { Name: nameof(NpgsqlBinaryImporter.Write), IsGenericMethodDefinition: true } && m.GetParameters() is [_, { ParameterType: var type }] && type == typeof(string));

    /// <summary>Appends all rows to the table of <typeparamref name="T"/> and answers how many.</summary>
    public async Task<long> WriteAsync<T>(IEnumerable<T> rows, CancellationToken cancellation) where T : class
    {
        var entity = model.FindEntityType(typeof(T)) ?? throw new InvalidOperationException($"{typeof(T).Name} has no table.");
        // Shadow properties have no value here; the domain has none.
        var properties = entity.GetProperties().Where(p => p.PropertyInfo is not null && p.GetBeforeSaveBehavior() != PropertySaveBehavior.Ignore).ToList();
        var writers = properties.Select(Writer<T>).ToArray();
        var columns = string.Join(", ", properties.Select(p => $"\"{p.GetColumnName()}\""));
        await using var importer = await connection.BeginBinaryImportAsync($"copy \"{entity.GetTableName()}\" ({columns}) from stdin (format binary)", cancellation);
        var count = 0L;
        foreach (var row in rows)
        {
            if (count++ % 1024 == 0) cancellation.ThrowIfCancellationRequested();
            importer.StartRow();
            foreach (var write in writers) write(importer, row);
        }
        await importer.CompleteAsync(cancellation);
        return count;
    }

    /// <summary>(importer, row) → importer.Write(convert(row.Property), "column type"), or WriteNull.</summary>
    private static Action<NpgsqlBinaryImporter, T> Writer<T>(IProperty property)
    {
        var importer = Expression.Parameter(typeof(NpgsqlBinaryImporter));
        var row = Expression.Parameter(typeof(T));
        Expression value = Expression.Property(row, property.PropertyInfo!);
        Expression isNull = value.Type.IsValueType
            ? Nullable.GetUnderlyingType(value.Type) is null ? Expression.Constant(false) : Expression.Not(Expression.Property(value, "HasValue"))
            : Expression.ReferenceEqual(value, Expression.Constant(null, value.Type));
        Expression inner = Nullable.GetUnderlyingType(value.Type) is { } underlying ? Expression.Convert(value, underlying) : value;
        if (property.GetTypeMapping().Converter is { } converter)
        {
            var parameter = converter.ConvertToProviderExpression.Parameters[0];
            inner = new Replace(parameter, Expression.Convert(inner, parameter.Type)).Visit(converter.ConvertToProviderExpression.Body);
        }
        // "character varying(30)" → "character varying"
        var type = property.GetColumnType().Split('(')[0];
        var body = Expression.IfThenElse(
            isNull,
            Expression.Call(importer, nameof(NpgsqlBinaryImporter.WriteNull), null),
            Expression.Call(importer, WriteTyped.MakeGenericMethod(inner.Type), inner, Expression.Constant(type)));
        return Expression.Lambda<Action<NpgsqlBinaryImporter, T>>(body, importer, row).Compile();
    }

    private sealed class Replace(ParameterExpression from, Expression to) : ExpressionVisitor
    {
        protected override Expression VisitParameter(ParameterExpression node) => node == from ? to : base.VisitParameter(node);
    }
}
