"""Section 21 of adapters-api.md, row by row."""

from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.errors import AccessError, CreditsError, MetadataProviderError
from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.adapters.modes import Mode


def provider(**parameters: str) -> LiteralBasedProvider:
    one = LiteralBasedProvider()
    one.initialize(parameters)
    return one


class ListTests(SynchronousTestCase):
    def test_groups_and_schemas_are_split_at_spaces_only(self) -> None:
        for text, names in (
            ("a", ["a"]),
            ("a b", ["a", "b"]),
            ("  a   b ", ["a", "b"]),
            ("a\tb", ["a\tb"]),
            ("", []),
            ("   ", []),
        ):
            self.assertEqual(provider().get_items("u", "S", text), names)
            self.assertEqual(provider().get_schema("u", "S", "g", text), names)


class UserTests(SynchronousTestCase):
    def test_everybody_without_a_list(self) -> None:
        self.assertIsNone(provider().notify_user(None, None, {}))

    def test_a_list_is_not_trimmed(self) -> None:
        one = provider(allowed_users="a, b,c")
        for user in ("a", " b", "c"):
            one.notify_user(user, "any", {})
        for user in ("b", "", "d", None):
            self.assertRaises(AccessError, one.notify_user, user, "any", {})

    def test_principals_do_not_matter(self) -> None:
        self.assertRaises(AccessError, provider(allowed_users="a").notify_user_with_principal, "b", "", {}, "a")


class LimitTests(SynchronousTestCase):
    def test_defaults(self) -> None:
        one = provider()
        self.assertEqual(one.get_allowed_max_bandwidth("u"), 0.0)
        self.assertEqual(one.get_allowed_max_item_frequency("u", "i"), 0.0)
        self.assertEqual(one.get_min_source_frequency("i"), 0.0)
        self.assertEqual(one.get_allowed_buffer_size("u", "i"), 0)
        self.assertEqual(one.get_distinct_snapshot_length("i"), 10)

    def test_what_is_configured(self) -> None:
        one = provider(
            max_bandwidth="1.5",
            max_frequency=" 2 ",
            prefilter_frequency="1e1",
            buffer_size="4",
            distinct_snapshot_length="0",
        )
        self.assertEqual(one.get_allowed_max_bandwidth("u"), 1.5)
        self.assertEqual(one.get_allowed_max_item_frequency("u", "i"), 2.0)
        self.assertEqual(one.get_min_source_frequency("i"), 10.0)
        self.assertEqual(one.get_allowed_buffer_size("u", "i"), 4)
        self.assertEqual(one.get_distinct_snapshot_length("i"), 0)

    def test_what_is_no_number_is_named(self) -> None:
        for name in ("max_bandwidth", "max_frequency", "prefilter_frequency"):
            for text in ("x", "", "nan", "1_0", "1,5"):
                error = self.assertRaises(MetadataProviderError, provider, **{name: text})
                self.assertIn(name, str(error))
        for name in ("buffer_size", "distinct_snapshot_length"):
            for text in ("x", "", "1.5", "1_0"):
                error = self.assertRaises(MetadataProviderError, provider, **{name: text})
                self.assertIn(name, str(error))


class FamilyTests(SynchronousTestCase):
    def modes(self, one: LiteralBasedProvider, item: str, data_adapter: str = "DEFAULT") -> str:
        return " ".join(mode for mode in Mode if one.mode_may_be_allowed(item, mode, data_adapter=data_adapter))

    def test_every_mode_without_families(self) -> None:
        self.assertEqual(self.modes(provider(), "i"), "RAW MERGE DISTINCT COMMAND")
        self.assertFalse(provider().has_families)

    def test_the_whole_name_must_match(self) -> None:
        one = provider(item_family_1="item[0-9]", modes_for_item_family_1="MERGE")
        self.assertTrue(one.has_families)
        self.assertEqual(self.modes(one, "item1"), "MERGE")
        for other in ("item", "item10", "xitem1", "item1\n"):
            self.assertEqual(self.modes(one, other), "")

    def test_modes_are_separated_by_commas_and_spaces(self) -> None:
        one = provider(item_family_3="i", modes_for_item_family_3=" MERGE,RAW, ,DISTINCT ")
        self.assertEqual(self.modes(one, "i"), "RAW MERGE DISTINCT")

    def test_no_modes_is_no_mode(self) -> None:
        self.assertEqual(self.modes(provider(item_family_1="i"), "i"), "")

    def test_the_first_family_in_the_order_of_numbers_decides(self) -> None:
        one = provider(
            item_family_10="item.*",
            modes_for_item_family_10="RAW",
            item_family_2="item1.*",
            modes_for_item_family_2="COMMAND",
        )
        self.assertEqual(self.modes(one, "item1"), "COMMAND")
        self.assertEqual(self.modes(one, "item2"), "RAW")

    def test_a_family_of_one_data_adapter(self) -> None:
        one = provider(
            item_family_1=".*",
            data_adapter_for_item_family_1="A",
            modes_for_item_family_1="MERGE",
            item_family_2=".*",
            modes_for_item_family_2="RAW",
        )
        self.assertEqual(self.modes(one, "i", "A"), "MERGE")
        self.assertEqual(self.modes(one, "i", "B"), "RAW")
        self.assertTrue(one.mode_may_be_allowed("i", Mode.MERGE))

    def test_every_user_may_have_every_mode(self) -> None:
        self.assertIs(provider(item_family_1="i").ismode_allowed("u", "i", Mode.RAW), True)

    def test_letters_and_digits_are_ascii_as_in_java(self) -> None:
        one = provider(item_family_1=r"\w\d", modes_for_item_family_1="RAW")
        self.assertEqual(self.modes(one, "a1"), "RAW")
        self.assertEqual(self.modes(one, "ä1"), "")
        self.assertEqual(self.modes(one, "a٣"), "")

    def test_numbers_must_be_canonical(self) -> None:
        for number in ("01", "0", "-1", "x", "", "+1", "1 "):
            error = self.assertRaises(MetadataProviderError, provider, **{f"item_family_{number}": "i"})
            self.assertIn(f"item_family_{number}", str(error))

    def test_other_errors_name_the_parameter(self) -> None:
        error = self.assertRaises(MetadataProviderError, provider, item_family_1="(")
        self.assertIn("item_family_1", str(error))
        for modes in ("merge", "MERGE,OTHER"):
            error = self.assertRaises(MetadataProviderError, provider, item_family_1="i", modes_for_item_family_1=modes)
            self.assertIn("modes_for_item_family_1", str(error))

    def test_what_belongs_to_no_family_is_ignored(self) -> None:
        one = provider(modes_for_item_family_1="NONSENSE", data_adapter_for_item_family_7="A")
        self.assertEqual(self.modes(one, "i"), "RAW MERGE DISTINCT COMMAND")


class MessageTests(SynchronousTestCase):
    def test_messages_are_refused(self) -> None:
        self.assertRaises(CreditsError, provider().notify_user_message, "u", "S", "x")
